"""Graph passes: each makes one change to an ONNX graph, in place, and can be used by itself.

    im2col.convolutions_as_products      convolutions over time become products with matrices
    instance_norm.norms_by_instance      layer norms become instance norms, folded where they can be
    row_scale.scale_rows                 loud and quiet rows get one size before a product
    smooth.smooth                        outliers of activations move into the weights
    integer_scores.integer_scores        an encoder's attention scores become integer products
    pooling.pool_globally                averages of whole pictures become global ones
    head.two_stage_head                  a tied head scores all tokens coarsely, the best exactly
    vocabulary.prune_vocabulary          tokens that will not be written are dropped

The first four leave what a graph computes as it was, but for rounding in float32. They are meant
to be used in this order, with `schemes.dynamic` after them; the head comes last. `schemes.static`
uses the pooling itself.
"""
