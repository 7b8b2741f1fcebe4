import { type Balancer, balanceConnections, balanceRequests } from './balancer.ts';
import { type GatewayOptions, startGateway, type TestGateway } from './gateway.ts';

/** Two gateways of one organisation on one database and one folder, and balancers in front of them. */
export interface GatewayPair {
  readonly first: TestGateway;
  readonly second: TestGateway;
  /** Gives each request to the other gateway than the one before. */
  readonly byRequest: Balancer;
  /** Gives each connection to the other gateway than the one before. */
  readonly byConnection: Balancer;
  close(): Promise<void>;
}

/** Starts a pair of gateways; the first one leads, unless it is stopped. */
export async function startGatewayPair(options: GatewayOptions = {}): Promise<GatewayPair> {
  const first = await startGateway(options);
  const { databaseUrl: database, dataDir } = first;
  const second = await startGateway({ ...options, database, dataDir });
  const hosts = [first.host, second.host];
  const [byRequest, byConnection] = await Promise.all([balanceRequests(hosts), balanceConnections(hosts)]);
  return {
    ...{ first, second, byRequest, byConnection },
    async close() {
      await Promise.all([byRequest.close(), byConnection.close()]);
      await second.close();
      await first.close();
    },
  };
}
