"""One module a rival, each written as well as its library allows."""
