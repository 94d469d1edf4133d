package task

import (
	"iter"
	"slices"
	"strings"
)

// ProviderWords reads column provider: it holds the words that rows may have there,
// in lower case, and the name of the provider that each of them means. The empty
// word is the default provider. Case and blanks around a word never count.
type ProviderWords map[string]string

// NamedProvider is a provider's name and the other words that applications have
// for it.
type NamedProvider struct {
	Name    string
	Aliases []string
}

// NewProviderWords returns the words for the providers that are configured. The name
// of one of them means that provider, even if it is also an alias of another; an alias
// of more than one of them means none: to ask the wrong provider would end rows.
func NewProviderWords(configured ...NamedProvider) ProviderWords {
	words, claims := ProviderWords{"": ""}, map[string]int{}
	for _, p := range configured {
		for _, alias := range distinct(p.Aliases) {
			claims[alias]++
			words[alias] = p.Name
		}
	}
	for alias, n := range claims {
		if n > 1 {
			delete(words, alias)
		}
	}
	for _, p := range configured {
		words[foldProvider(p.Name)] = p.Name
	}
	return words
}

// ProviderNames returns the words of providers that have no other words than their
// names.
func ProviderNames(names iter.Seq[string]) ProviderWords {
	words := ProviderWords{}
	for name := range names {
		words[foldProvider(name)] = name
	}
	return words
}

func distinct(aliases []string) []string {
	var out []string
	for _, alias := range aliases {
		if alias = foldProvider(alias); alias != "" && !slices.Contains(out, alias) {
			out = append(out, alias)
		}
	}
	return out
}

// foldProvider does what the queries do with the column.
func foldProvider(word string) string { return lower(strings.Trim(word, " ")) }

// Name returns the name of the provider that a word means; empty: the default one. A
// word that means none is returned as it is.
func (w ProviderWords) Name(word string) string {
	if name, ok := w[foldProvider(word)]; ok {
		return name
	}
	return word
}

// Known reports whether a word means a provider.
func (w ProviderWords) Known(word string) bool {
	_, ok := w[foldProvider(word)]
	return ok
}

// All returns all words, in lower case and sorted, for a query.
func (w ProviderWords) All() []string {
	all := make([]string, 0, len(w))
	for word := range w {
		all = append(all, word)
	}
	slices.Sort(all)
	return all
}

// Of returns the words that mean the provider with that name, likewise.
func (w ProviderWords) Of(name string) []string {
	return slices.DeleteFunc(w.All(), func(word string) bool { return w[word] != name })
}
