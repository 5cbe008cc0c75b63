"""The connection to the endpoint: key, transport and failures."""
