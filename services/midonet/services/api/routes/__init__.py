"""Operations of the API; a file is named after its path below /v1."""
