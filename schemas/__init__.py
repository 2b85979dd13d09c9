"""The contract: what a record, a spec, a bucket and a manifest is. No Beam, no TensorFlow."""
