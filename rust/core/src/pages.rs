//! A list that grows at its end only, in pages: what is in it stays where it is.
//!
//! A vector copies everything it has each time that it outgrows its room. A year of trades keeps
//! thousands of orders, which are large and are looked at all the time.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Items on a page.
const PAGE: usize = 256;

/// Items in order of arrival. Every page but the last is full.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pages<T> {
    pages: Vec<Vec<T>>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: Vec::new() }
    }
}

impl<T> Pages<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE + last.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Adds one behind the others.
    pub fn push(&mut self, item: T) {
        match self.pages.last_mut() {
            Some(last) if last.len() < PAGE => last.push(item),
            // The first page grows with what is in it: a search clones engines with a handful of orders.
            None => self.pages.push(vec![item]),
            Some(_) => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(item);
                self.pages.push(page);
            }
        }
    }

    /// The item at a place.
    #[must_use]
    #[inline]
    pub fn get(&self, place: usize) -> Option<&T> {
        self.pages.get(place / PAGE)?.get(place % PAGE)
    }

    /// The item at a place, to be changed.
    #[must_use]
    #[inline]
    pub fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.pages.get_mut(place / PAGE)?.get_mut(place % PAGE)
    }

    /// The first item.
    #[must_use]
    #[inline]
    pub fn first(&self) -> Option<&T> {
        self.pages.first()?.first()
    }

    /// The place of the item with this key, in a list that is sorted by it.
    #[must_use]
    pub fn find_by_key<K: Ord>(&self, key: &K, of: impl Fn(&T) -> K) -> Option<usize> {
        let page = self.pages.partition_point(|page| of(&page[0]) <= *key).checked_sub(1)?;
        let place = self.pages[page].binary_search_by_key(key, of).ok()?;
        Some(page * PAGE + place)
    }

    /// Every item, in order of arrival.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.pages.iter().flatten()
    }

    /// Every item, to be changed.
    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.pages.iter_mut().flatten()
    }
}

impl<T> Index<usize> for Pages<T> {
    type Output = T;

    #[inline]
    fn index(&self, place: usize) -> &T {
        &self.pages[place / PAGE][place % PAGE]
    }
}

impl<T> IndexMut<usize> for Pages<T> {
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.pages[place / PAGE][place % PAGE]
    }
}

impl<T> FromIterator<T> for Pages<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut pages = Self::default();
        items.into_iter().for_each(|item| pages.push(item));
        pages
    }
}

impl<T: Serialize> Serialize for Pages<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pages<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over more than two pages every way in leads to the same items, and a written list comes back whole.
    #[test]
    fn a_list_of_pages_is_a_list() {
        let even: Vec<usize> = (0..2 * PAGE + 7).map(|number| 2 * number).collect();
        let mut pages: Pages<usize> = even.iter().copied().collect();
        assert_eq!(pages.len(), even.len());
        assert!(pages.iter().eq(&even));
        for (place, item) in even.iter().enumerate() {
            assert_eq!(pages.get(place), Some(item));
            assert_eq!(pages.find_by_key(item, |item| *item), Some(place));
            assert_eq!(pages.find_by_key(&(item + 1), |item| *item), None);
        }
        assert_eq!(pages.get(even.len()), None);
        let text = serde_json::to_string(&pages).expect("numbers");
        assert_eq!(serde_json::from_str::<Pages<usize>>(&text).expect("the same"), pages);
        pages[PAGE] = 1;
        pages.iter_mut().for_each(|item| *item += 1);
        assert_eq!((pages[0], pages[PAGE], pages.first()), (1, 2, Some(&1)));
        assert!(
            Pages::<usize>::default().is_empty()
                && Pages::<usize>::default().find_by_key(&0, |n| *n).is_none()
        );
    }
}
