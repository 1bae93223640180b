"""What the files of a variant say, compared with those of its parent, tensor by tensor."""
