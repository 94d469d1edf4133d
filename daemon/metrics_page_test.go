package daemon

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// pageOfMetrics lists the metrics.
const pageOfMetrics = "../docs/metrics.md"

var (
	lineOfMetric = regexp.MustCompile("^\\| `(tasksync_[a-z0-9_]+)` \\| (counter|gauge|histogram) \\| ([^|]*) ?\\| ")
	nameOfLabel  = regexp.MustCompile("`([a-z_]+)`")
	typeLine     = regexp.MustCompile(`(?m)^# TYPE (tasksync_\S+) (\S+)$`)
	descText     = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", .*constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}\}$`)
)

// kept is a registry that remembers what was registered, also when it has no values yet.
type kept struct {
	*prometheus.Registry
	all []prometheus.Collector
}

func (k *kept) Register(c prometheus.Collector) error {
	err := k.Registry.Register(c)
	if err == nil {
		k.all = append(k.all, c)
	}
	return err
}

// described returns the names of what a daemon registers, with their labels.
func (k *kept) described(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, c := range k.all {
		ch := make(chan *prometheus.Desc, 100)
		c.Describe(ch)
		close(ch)
		for d := range ch {
			m := descText.FindStringSubmatch(d.String())
			require.NotNil(t, m, d.String())
			var labels []string
			for _, l := range strings.Split(m[2]+","+m[3], ",") {
				if l, _, _ = strings.Cut(l, "="); l != "" {
					labels = append(labels, strings.Trim(l, " "))
				}
			}
			if strings.HasPrefix(m[1], "tasksync_") {
				all[m[1]] = inOrder(labels)
			}
		}
	}
	return all
}

func inOrder(labels []string) string {
	slices.Sort(labels)
	return strings.Join(labels, ",")
}

// listedMetrics returns the names in the page with their labels, and their types.
func listedMetrics(t *testing.T) (labels, types map[string]string) {
	t.Helper()
	page, err := os.ReadFile(pageOfMetrics)
	require.NoError(t, err)
	labels, types = map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(page)) {
		m := lineOfMetric.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var names []string
		for _, l := range nameOfLabel.FindAllStringSubmatch(m[3], -1) {
			names = append(names, l[1])
		}
		labels[m[1]], types[m[1]] = inOrder(names), m[2]
	}
	return labels, types
}

// TestPageOfMetricsIsComplete: the page has each metric of a daemon with its labels, and
// no other; what a scrape shows has the type that the page says.
func TestPageOfMetricsIsComplete(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reg := &kept{Registry: prometheus.NewRegistry()}
	cfg := b.config()
	cfg.Registerer, cfg.Gatherer = reg, reg
	cfg.Providers[0].RateLimit = nil // the provider's: without a limit there is no share
	cfg.ArchiveURL = "file://" + t.TempDir() + "?public_url=https://files.example"
	cfg.API.WebhookTokens = []string{"webhook-token-of-the-test"}
	cfg.NotifyURLs, cfg.NotifySecrets = []string{"http://127.0.0.1:9/"}, []string{"whsec_" + strings.Repeat("aaaa", 8)}
	cfg.Settle = "settle_it"
	b.exec(`CREATE FUNCTION settle_it(uuid, integer, text, text, jsonb) RETURNS void LANGUAGE sql AS ''`)
	r := b.run(cfg)
	done := b.submit()
	b.until("it is done", func() bool { return b.done(done) })
	labels, types := listedMetrics(t)
	require.Equal(t, labels, reg.described(t))

	_, body := r.get("/metrics")
	scraped := typeLine.FindAllStringSubmatch(body, -1)
	for _, m := range scraped {
		require.Equal(t, types[m[1]], m[2], m[1])
	}
	require.Greater(t, len(scraped), len(types)/2, body)
}

// TestPageOfMetricsNamesOthers: what comes from the Prometheus library has one of the
// beginnings that the page names.
func TestPageOfMetricsNamesOthers(t *testing.T) {
	t.Parallel()
	reg := newRegistry(Config{})
	families, err := reg.gatherer.Gather()
	require.NoError(t, err)
	page, err := os.ReadFile(pageOfMetrics)
	require.NoError(t, err)
	for _, f := range families {
		beginning, _, _ := strings.Cut(f.GetName(), "_")
		if beginning != "tasksync" {
			require.Contains(t, string(page), "`"+beginning+"_…`", f.GetName())
		}
	}
}
