"""The project file noria.toml: read strictly, explained, described by a schema, begun from an example or a table."""
