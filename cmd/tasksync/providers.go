package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"tasksync/daemon"
)

// providers are the configured upstream APIs, the default one first. With
// TASKSYNC_PROVIDERS each has variables of its own; what is not set for the
// default one is taken from the general variables.
func (f upstreamFlags) providers(getenv func(string) string) (first daemon.Provider, others []daemon.Provider, err error) {
	names := make([]string, 0, len(f.Providers))
	for _, name := range f.Providers {
		names = append(names, strings.TrimSpace(name))
	}
	if len(names) == 0 {
		names = []string{cmp.Or(f.Provider, "sunoapi")}
	}
	def := cmp.Or(f.Provider, names[0])
	if !slices.Contains(names, def) {
		return first, nil, usageError{fmt.Errorf("TASKSYNC_PROVIDER %q is not among TASKSYNC_PROVIDERS %s", def, strings.Join(names, ","))}
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return first, nil, usageError{fmt.Errorf("TASKSYNC_PROVIDERS names %s twice", name)}
		}
		p, err := f.provider(name, name == def, len(f.Providers) > 0, getenv)
		switch {
		case err != nil:
			return first, nil, err
		case name == def:
			first = p
		default:
			others = append(others, p)
		}
	}
	return first, others, nil
}

// provider reads the settings of one. own tells whether it has variables of its
// own, general whether the general ones are meant for it.
func (f upstreamFlags) provider(name string, general, own bool, getenv func(string) string) (p daemon.Provider, err error) {
	p.Name = name
	if own {
		prefix := "TASKSYNC_" + strings.ToUpper(name) + "_"
		p.APIURL = getenv(prefix + "API_URL")
		if p.APIKey, err = readKey(prefix, getenv(prefix+"API_KEY"), getenv(prefix+"API_KEY_FILE")); err != nil {
			return p, err
		}
		if p.RateLimit, err = parseRate(prefix, getenv(prefix+"RATE_LIMIT")); err != nil {
			return p, err
		}
	}
	if !general {
		return p, nil
	}
	key, err := readKey("TASKSYNC_", f.APIKey, f.APIKeyFile)
	p.APIURL, p.APIKey, p.RateLimit = cmp.Or(p.APIURL, f.APIURL), cmp.Or(p.APIKey, key), cmp.Or(p.RateLimit, f.RateLimit)
	return p, err
}

// readKey gives the credential, from its variable or from the file that another
// one names.
func readKey(prefix, key, file string) (string, error) {
	switch {
	case key != "" && file != "":
		return "", usageError{fmt.Errorf("both %[1]sAPI_KEY and %[1]sAPI_KEY_FILE are set; unset one", prefix)}
	case file == "":
		return strings.TrimSpace(key), nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", usageError{fmt.Errorf("%sAPI_KEY_FILE: %w; name a file that holds the key of your account", prefix, err)}
	}
	if key = strings.TrimSpace(string(raw)); key == "" {
		return "", usageError{fmt.Errorf("%sAPI_KEY_FILE: %s is empty; put the key of your account into it", prefix, file)}
	}
	return key, nil
}

func parseRate(prefix, text string) (*float64, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no limit was given
	}
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, usageError{fmt.Errorf("%sRATE_LIMIT %q is not a number", prefix, text)}
	}
	return &rate, nil
}
