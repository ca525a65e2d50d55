"""IBKR's Flex statements: requested from the Flex Web Service, and parsed into typed rows; one document at a time."""
