"""Code that runs inside a step, on this machine and in a pod; it imports nothing else of ours."""
