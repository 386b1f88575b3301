"""What survives a crash: journal, sealed Parquet, manifest."""
