"""Tables of databases: read over JDBC in increments, and landed as files of their source."""
