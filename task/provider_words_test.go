package task

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWordsOfProviders(t *testing.T) {
	t.Parallel()
	sunoapi := NamedProvider{"sunoapi", []string{"suno", "sunoapi.org", "Suno API", ""}}
	kie := NamedProvider{"kie", []string{"suno", "kie.ai", "KIE AI", "kie.ai"}}
	own := NamedProvider{"Suno", nil}
	for name, tc := range map[string]struct {
		configured []NamedProvider
		names      map[string]string // by word
		unknown    []string
	}{
		"one": {[]NamedProvider{sunoapi}, map[string]string{
			"": "", " ": "", "sunoapi": "sunoapi", "SunoAPI": "sunoapi", " sunoapi ": "sunoapi", "Suno": "sunoapi", "SUNOAPI.ORG": "sunoapi", "suno api": "sunoapi",
		}, []string{"kie", "kie.ai", "udio", "sunoapi,kie", "\tsunoapi"}},
		"two":                            {[]NamedProvider{sunoapi, kie}, map[string]string{"": "", "Kie.AI": "kie", "kie": "kie", "sunoapi.org": "sunoapi"}, []string{"suno", "Suno"}},
		"a name that is another's alias": {[]NamedProvider{sunoapi, own}, map[string]string{"suno": "Suno", "sunoapi": "sunoapi"}, []string{"kie"}},
	} {
		words := NewProviderWords(tc.configured...)
		for word, want := range tc.names {
			require.True(t, words.Known(word), "%s: %q", name, word)
			require.Equal(t, want, words.Name(word), "%s: %q", name, word)
		}
		for _, word := range tc.unknown {
			require.False(t, words.Known(word), "%s: %q", name, word)
			require.Equal(t, word, words.Name(word), "%s: %q", name, word)
		}
	}
	words := NewProviderWords(sunoapi, kie)
	require.Equal(t, []string{"", "kie", "kie ai", "kie.ai", "suno api", "sunoapi", "sunoapi.org"}, words.All())
	require.Equal(t, []string{"kie", "kie ai", "kie.ai"}, words.Of("kie"))
	require.Equal(t, []string{""}, words.Of(""))
	require.Equal(t, ProviderWords{"": "", "acme": "Acme"}, ProviderNames(maps.Keys(map[string]int{"": 1, "Acme": 2})))
}
