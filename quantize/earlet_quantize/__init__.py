"""earlet_quantize: what makes a bundle, on a workstation. Never imported on the device."""
