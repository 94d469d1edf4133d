package main

import "io"

func printAims(io.Writer, []table) {}
func drawLooks(string) error       { return nil }
