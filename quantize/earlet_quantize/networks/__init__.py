"""Networks written anew from their weights, as graphs without control flow."""
