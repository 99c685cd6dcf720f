"""The fault catalogue: each fault strikes a whole desk over a real socket."""
