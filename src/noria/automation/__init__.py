"""The only way back upstream: alerts and schedules become runs, promotions and rollbacks, each written down."""
