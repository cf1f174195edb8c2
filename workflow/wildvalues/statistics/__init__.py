"""Statistics on arrays; knows neither files nor tables of the study."""
