"""The page: a recording dropped or made in the browser, heard by the same service. Its widgets are gradio's."""
