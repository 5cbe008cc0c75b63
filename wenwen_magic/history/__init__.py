"""The history folder: records, pictures, index and archives."""
