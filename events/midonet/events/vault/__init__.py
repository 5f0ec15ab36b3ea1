"""The vault: secrets, stored apart from the log. `factory.open_vault` opens one; importing this loads nothing."""
