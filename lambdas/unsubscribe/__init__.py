"""Takes the answer "no more" to a message: by one click of a mail program, or by a button on a small page."""
