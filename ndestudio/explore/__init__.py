"""What a model does away from its data: other values, scans, sensitivities, steady states, bifurcations."""
