package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"tasksync/daemon"
	"tasksync/upstream"
	"tasksync/upstream/acedata"
	"tasksync/upstream/sunoapi"
	"tasksync/upstream/sunoclips"
	"tasksync/upstream/sunoproxy"
)

// builtIn returns the upstream APIs that the command knows, the default one first.
// It is the only list of them.
func builtIn() []upstream.Provider {
	return []upstream.Provider{sunoapi.SunoAPI(), sunoapi.Kie(), sunoproxy.Provider(), acedata.Provider(), sunoclips.Provider()}
}

func providerNames() []string {
	var names []string
	for _, p := range builtIn() {
		names = append(names, p.Name)
	}
	return names
}

// named returns the provider of that name; an unknown one has a name only.
func named(name string) upstream.Provider {
	for _, p := range builtIn() {
		if p.Name == name {
			return p
		}
	}
	return upstream.Provider{Name: name}
}

// providers returns the configured upstream APIs, the default one first. With
// TASKSYNC_PROVIDERS each of them has its own variables; the default one takes what
// is not set there from the general variables.
func (f upstreamFlags) providers(getenv func(string) string) ([]daemon.Provider, error) {
	names := make([]string, 0, len(f.Providers))
	for _, name := range f.Providers {
		names = append(names, strings.TrimSpace(name))
	}
	if len(names) == 0 {
		names = []string{cmp.Or(f.Provider, providerNames()[0])}
	}
	def := cmp.Or(f.Provider, names[0])
	if !slices.Contains(names, def) {
		return nil, usageError{fmt.Errorf("TASKSYNC_PROVIDER %q is not among TASKSYNC_PROVIDERS %s", def, strings.Join(names, ","))}
	}
	all := make([]daemon.Provider, 0, len(names))
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, usageError{fmt.Errorf("TASKSYNC_PROVIDERS names %s twice", name)}
		}
		p, err := f.provider(name, name == def, len(f.Providers) > 0, getenv)
		if err != nil {
			return nil, err
		}
		if name == def {
			all = slices.Insert(all, 0, p)
		} else {
			all = append(all, p)
		}
	}
	return all, nil
}

// provider reads the settings of one provider: from its own variables if own, and
// from the general ones if general.
func (f upstreamFlags) provider(name string, general, own bool, getenv func(string) string) (p daemon.Provider, err error) {
	p.Provider = named(name)
	if own {
		prefix := providerPrefix(name)
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
	key, err := readKey(generalPrefix, f.APIKey, f.APIKeyFile)
	if err != nil {
		return p, err
	}
	rate, err := parseRate(generalPrefix, f.RateLimit)
	p.APIURL, p.APIKey, p.RateLimit = cmp.Or(p.APIURL, f.APIURL), cmp.Or(p.APIKey, key), cmp.Or(p.RateLimit, rate)
	return p, err
}

// generalPrefix begins the variables of the default provider, and all variables
// that belong to no provider.
const generalPrefix = "TASKSYNC_"

// providerSettings are the ends of the variables of one provider.
var providerSettings = []string{"API_KEY", "API_KEY_FILE", "API_URL", "RATE_LIMIT"}

// providerPrefix begins the variables of one of several providers.
func providerPrefix(name string) string { return generalPrefix + strings.ToUpper(name) + "_" }

// readKey returns the credential: the value of its variable, or the content of the
// file that another variable names.
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

// parseRate reads a limit; nil: none was given.
func parseRate(prefix, text string) (*upstream.Rate, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no limit was given
	}
	rate, err := upstream.ParseRate(text)
	if err != nil {
		return nil, usageError{fmt.Errorf("%sRATE_LIMIT %w", prefix, err)}
	}
	return &rate, nil
}
