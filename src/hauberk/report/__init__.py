"""A dossier as text: HTML, JSON, SARIF, Markdown, JUnit and the terminal. Pure functions, one file a format."""
