"""Where pipelines run: one package per backend; none knows another."""
