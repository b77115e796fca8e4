"""The causes, a module a family. Pure."""
