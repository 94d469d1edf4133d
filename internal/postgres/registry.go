package postgres

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
)

// publicRegistry is npm's default, for machines where npm is not set up or not installed.
const publicRegistry = "https://registry.npmjs.org"

// registry returns the address of this machine's npm registry, as npm finds it: from the
// environment, else from the user's .npmrc.
func registry() string {
	if url := cmp.Or(os.Getenv("npm_config_registry"), os.Getenv("NPM_CONFIG_REGISTRY")); url != "" {
		return url
	}
	path := cmp.Or(os.Getenv("npm_config_userconfig"), os.Getenv("NPM_CONFIG_USERCONFIG"))
	if home, err := os.UserHomeDir(); path == "" && err == nil {
		path = filepath.Join(home, ".npmrc")
	}
	text, _ := os.ReadFile(path) // most machines have no such file
	return cmp.Or(npmrcRegistry(string(text)), publicRegistry)
}

// npmrcRegistry returns the registry that an .npmrc names for packageScope, or "".
func npmrcRegistry(text string) string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, "="); ok {
			values[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return cmp.Or(values[packageScope+":registry"], values["registry"])
}
