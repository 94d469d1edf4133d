package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// versionCmd is `tasksync version`.
type versionCmd struct{}

// Run implements kong's command.
func (versionCmd) Run(std *streams) error {
	_, err := fmt.Fprintln(std.out, versionLine())
	return err
}

func versionLine() string {
	return fmt.Sprintf("tasksync %s (%s %s/%s)", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// release is set by the linker: -ldflags "-X main.release=v1.2.3".
var release string

// version returns the release, or else the version that the Go command has recorded.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}
