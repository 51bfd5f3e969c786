"""Taking over what another tracker holds, and giving it back in the other's own form."""
