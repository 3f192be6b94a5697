"""The audit hall: plan -> run checks -> dossier. The main job of Hauberk."""
