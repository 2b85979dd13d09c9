"""The report of a data set: facts → sections → one HTML page that needs nothing but itself.

`facts` reads what a data set says of itself, `advice` says what to change next, the modules `about_…` turn facts
into sections, `plots` and `charts` draw, `page` writes it all down. Only `page` and `plots` import
Jinja2 and matplotlib, on first use, so that neither workers nor `import pipeline` pay for them.
"""
