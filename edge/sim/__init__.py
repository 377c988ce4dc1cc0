"""The depot's digital twin: vehicles, chargers and meters as real Modbus servers, a utility, a network."""
