import { InvalidArgumentError, Option } from 'commander'

const DOMAIN = /^[A-Za-z0-9_.-]{1,128}$/
const DOMAINS_MAX = 64

export interface DomainFlags { readonly allowDomain?: readonly string[] }

/** Operators of other domains than the runtime's own are refused, unless whoever publishes answers for them. */
export function allowDomainOption (): Option {
  return new Option('--allow-domain <domain>', 'allow operators of this domain, for example com.example; may be repeated')
    .env('GAUNTLET_ALLOW_DOMAINS').argParser(domains)
}

/** The request's part of these flags. */
export function allowedBy ({ allowDomain }: DomainFlags): { allowedOperatorDomains?: readonly string[] } {
  return allowDomain === undefined ? {} : { allowedOperatorDomains: allowDomain }
}

/** One domain, or several with commas between, as the environment gives them. */
function domains (text: string, before: readonly string[] = []): readonly string[] {
  const all = [...before, ...text.split(',').map((domain) => domain.trim())]
  if (all.every((domain) => DOMAIN.test(domain)) && all.length <= DOMAINS_MAX) return all
  throw new InvalidArgumentError(`expected at most ${DOMAINS_MAX} operator domains like com.example`)
}
