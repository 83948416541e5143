"""Schemes: ways to make a float network int8.

    scheme       weights  activations                        for
    static       int8     uint8, steps from calibration      convolutions
    dynamic      int8     uint8, steps as they come          matrix products, hence transformers
    smooth       int8     the same, their outliers in weights  transformers that dynamic spoils
    weight-only  int8     float                              what must not be rounded
    mixed        one of these, the most sensitive layers left in float

Weights have a scale for each channel in all of them: one for a whole tensor costs a network of
depthwise convolutions several percent of its accuracy.
"""
