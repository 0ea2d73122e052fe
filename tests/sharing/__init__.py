"""Sharing: remotes with their servers, clones, and what an edit in a clone runs again."""
