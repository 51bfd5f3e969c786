"""What strangers may send: names, JSON, hosts, origins, sizes, addresses to listen on. Knows no ML noun."""
