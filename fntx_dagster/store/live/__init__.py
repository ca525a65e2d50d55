"""The stream: events, the newest state of each, up to where other tables were read, who writes (schema `live`)."""
