"""A bill of materials of a model: its files, licences, model card, findings and evidence; CycloneDX and SPDX."""
