"""Trading days on end in the simulated TWS: nights, a weekend, a change of the clocks."""
