"""The MLflow REST protocol over noria's rooms: forms in, answers out, no rules of its own."""
