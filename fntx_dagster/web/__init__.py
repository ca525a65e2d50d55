"""The dashboard: pages in a browser, rendered here from the services that the terminal and the API use."""
