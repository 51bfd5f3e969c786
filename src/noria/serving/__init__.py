"""The answering server: follows the champion, speaks three protocols, drops nothing silently."""
