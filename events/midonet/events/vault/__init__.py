"""The vault: where secrets are kept, outside of the log. `address.open_vault` opens one; loading this loads nothing."""
