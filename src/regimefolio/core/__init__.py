"""The ground floor: the types that flow between rooms, the parts a user may add, errors, files and documents.

Nothing here imports another room of regimefolio.
"""
