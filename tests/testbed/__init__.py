"""The test bed: real servers and a real browser, each started when a test asks for it, and ended with the tests."""
