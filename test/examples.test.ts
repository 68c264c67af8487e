/** The promises of the container examples; those of the proxies are tested in end-to-end/proxies.long.test.ts. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { type Config, readConfig } from '../src/config/config.js';

/** How long a stop may take after LAME_DUCK_MS and DRAIN_MS. */
const CLOSE_MS = 10_000;
/** A gateway may wait this long for another one's migration, and for each statement of its own. */
const MIGRATION_MS = 600_000;

const read = (name: string): string => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');

/** Throws if a setting has an invalid value. */
function configOf(environment: Readonly<Record<string, string>>): Config {
  const { config } = readConfig({ ...environment, HOST: '0.0.0.0' });
  return config;
}

describe('docs/examples/kubernetes.yaml', () => {
  interface Probe {
    readonly httpGet: { readonly path: string; readonly port: number };
    readonly periodSeconds: number;
    readonly failureThreshold?: number;
  }
  interface Container {
    readonly ports: readonly { readonly containerPort: number }[];
    readonly envFrom: readonly { readonly secretRef: { readonly name: string } }[];
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
    readonly startupProbe: Probe;
    readonly readinessProbe: Probe;
    readonly livenessProbe: Probe;
    readonly securityContext: object;
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }
  interface Selector {
    readonly matchLabels: Readonly<Record<string, string>>;
  }
  interface Pod {
    readonly terminationGracePeriodSeconds: number;
    readonly automountServiceAccountToken: boolean;
    readonly topologySpreadConstraints: readonly {
      readonly topologyKey: string;
      readonly labelSelector: Selector;
    }[];
    readonly containers: readonly Container[];
    readonly volumes: readonly {
      readonly name: string;
      readonly persistentVolumeClaim: { readonly claimName: string };
    }[];
  }
  interface Manifests {
    readonly Secret: {
      readonly metadata: { readonly name: string };
      readonly stringData: Readonly<Record<string, string>>;
    };
    readonly PersistentVolumeClaim: { readonly metadata: { readonly name: string } };
    readonly Deployment: {
      readonly spec: {
        readonly replicas: number;
        readonly selector: Selector;
        readonly template: {
          readonly metadata: { readonly labels: Readonly<Record<string, string>> };
          readonly spec: Pod;
        };
      };
    };
    readonly PodDisruptionBudget: {
      readonly spec: { readonly maxUnavailable: number; readonly selector: Selector };
    };
    readonly Service: {
      readonly spec: {
        readonly selector: Readonly<Record<string, string>>;
        readonly ports: readonly { readonly targetPort: number }[];
      };
    };
  }

  const documents = parseAllDocuments(read('docs/examples/kubernetes.yaml')).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as { readonly kind: string };
  });
  const manifests = Object.fromEntries(
    documents.map((document) => [document.kind, document]),
  ) as unknown as Manifests;
  const { template, selector, replicas } = manifests.Deployment.spec;
  const pod = template.spec;
  const [container] = pod.containers;
  if (container === undefined) throw new Error('It has no container');
  const secret = manifests.Secret.stringData;
  const config = configOf({
    ...secret,
    ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
  });

  test('names belong together', () => {
    const { labels } = template.metadata;
    expect(labels).toEqual(selector.matchLabels);
    expect(manifests.PodDisruptionBudget.spec.selector).toEqual(selector);
    expect(manifests.Service.spec.selector).toEqual(labels);
    expect(pod.topologySpreadConstraints).toMatchObject([{ labelSelector: selector }]);
    expect(container.envFrom).toEqual([{ secretRef: { name: manifests.Secret.metadata.name } }]);
    const ports = [container.startupProbe, container.readinessProbe, container.livenessProbe].map(
      ({ httpGet }) => httpGet.port,
    );
    for (const port of [...ports, ...manifests.Service.spec.ports.map(({ targetPort }) => targetPort)]) {
      expect(container.ports).toContainEqual({ containerPort: port });
    }
    expect(config.port).toBe(container.ports[0]?.containerPort);
    expect(container.volumeMounts).toEqual([{ name: pod.volumes[0]?.name, mountPath: config.archiveDir }]);
    expect(pod.volumes[0]?.persistentVolumeClaim.claimName).toBe(
      manifests.PersistentVolumeClaim.metadata.name,
    );
  });

  test('a stop ends by itself, after the pod is out of the Service', () => {
    const { command } = container.lifecycle.preStop.exec;
    expect(command[0]).toBe('sleep');
    const stopMs = Number(command[1]) * 1000 + config.lameDuckMs + config.drainMs + CLOSE_MS;
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(stopMs);
    // Two failed probes.
    expect(config.lameDuckMs).toBeGreaterThan(2 * container.readinessProbe.periodSeconds * 1000);
  });

  test('nothing kills a gateway while it waits for a migration and makes its own', () => {
    const { startupProbe, readinessProbe, livenessProbe } = container;
    expect(startupProbe.httpGet.path).toBe('/healthz');
    const mostMs = startupProbe.periodSeconds * (startupProbe.failureThreshold ?? 3) * 1000;
    expect(mostMs).toBeGreaterThan(2 * MIGRATION_MS);
    expect(livenessProbe.httpGet.path).toBe('/healthz');
    expect(readinessProbe.httpGet.path).toBe('/readyz');
  });

  test('some gateway is always there, and none can do more than it must', () => {
    expect(replicas).toBeGreaterThan(manifests.PodDisruptionBudget.spec.maxUnavailable);
    expect(pod.topologySpreadConstraints[0]?.topologyKey).toBe('kubernetes.io/hostname');
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(container.securityContext).toEqual({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
    expect(Object.keys(secret)).toContain('METRICS_TOKEN');
  });
});

describe('docker-compose.yml', () => {
  interface Service {
    readonly environment: Readonly<Record<string, string>>;
    readonly stop_grace_period: string;
    readonly networks: { readonly default: { readonly aliases: readonly string[] } };
  }
  const { services } = parse(read('docker-compose.yml'), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>;
  };
  const gateways = Object.entries(services).filter(([name]) => name.startsWith('gateway-'));

  test.each(gateways)(
    '%s is found by its proxies, and ends by itself when it is stopped',
    (name, gateway) => {
      const given: Readonly<Record<string, string>> = {
        PUBLIC_URL: 'https://swap.example.com',
        AUTH_API_KEYS: 'web:a-key-of-some-length',
        POSTGRES_PASSWORD: 'gateway',
      };
      const environment = Object.entries(gateway.environment).map(([key, value]) => [
        key,
        value.replace(/\$\{(\w+):[?-][^}]*\}/g, (_, variable: string) => given[variable] ?? 'some-text'),
      ]);
      const { lameDuckMs, drainMs } = configOf(Object.fromEntries(environment) as Record<string, string>);
      expect(gateway.stop_grace_period).toMatch(/^\d+s$/);
      const graceMs = Number.parseInt(gateway.stop_grace_period, 10) * 1000;
      expect(graceMs).toBeGreaterThan(lameDuckMs + drainMs + CLOSE_MS);
      expect(read('docs/examples/haproxy.cfg')).toContain(`server ${name} ${name}:4000\n`);
      const [alias] = gateway.networks.default.aliases;
      expect(read('docs/examples/nginx.conf')).toContain(`http://${alias}:4000;`);
    },
  );
});
