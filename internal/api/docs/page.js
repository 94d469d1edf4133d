'use strict';

// A stream does not end, so that "Try it out" would show nothing: the description says
// how to try it.
const withoutTrial = () => ({
  statePlugins: { spec: { wrapSelectors: { allowTryItOutFor: () => (_state, path) => !path.endsWith('/events') } } },
});

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  validatorUrl: null, // it would be another server
  defaultModelsExpandDepth: 0,
  defaultModelRendering: 'example',
  displayRequestDuration: true,
  requestSnippetsEnabled: false,
  plugins: [withoutTrial],
});
