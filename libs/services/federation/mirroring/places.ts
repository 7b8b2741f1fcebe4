/** Places for work that is done for others, so many for each of them; work of one name shares a place. */
export interface Places {
  /** False if all places of the owner are taken. Each that was taken is given back. */
  take(owner: string, name: string): boolean;
  free(owner: string, name: string): void;
}

/** Opens as many places for each owner; none of them is kept while nothing is done for him. */
export function openPlaces(most: number): Places {
  const taken = new Map<string, Map<string, number>>();
  return {
    take(owner, name) {
      const names = taken.get(owner) ?? new Map<string, number>();
      const users = names.get(name) ?? 0;
      if (users === 0 && names.size >= most) return false;
      taken.set(owner, names.set(name, users + 1));
      return true;
    },
    free(owner, name) {
      const names = taken.get(owner);
      const users = names?.get(name) ?? 0;
      if (users > 1) names?.set(name, users - 1);
      else names?.delete(name);
      if (names?.size === 0) taken.delete(owner);
    },
  };
}
