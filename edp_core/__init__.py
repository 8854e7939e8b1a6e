"""The science of EDP Studio: pure, typed, free of Streamlit, torch and typer."""
