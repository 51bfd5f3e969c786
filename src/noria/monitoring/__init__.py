"""Windows of predictions against the version's reference: drift, realised performance, alerts as rows."""
